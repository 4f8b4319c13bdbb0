CREATE TABLE rf_dog (id integer PRIMARY KEY);
