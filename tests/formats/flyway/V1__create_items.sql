CREATE TABLE fw_item (id integer PRIMARY KEY, name text);
