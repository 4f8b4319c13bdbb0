CREATE TABLE sr_note (id integer PRIMARY KEY);
