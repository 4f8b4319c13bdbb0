CREATE TABLE core_setting (name text PRIMARY KEY, value text);
