CREATE TABLE di_cat (id integer PRIMARY KEY);
