CREATE TABLE diesel_users (id integer PRIMARY KEY);
