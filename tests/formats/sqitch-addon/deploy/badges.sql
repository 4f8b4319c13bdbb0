CREATE TABLE sq_badge (id integer PRIMARY KEY);
