CREATE TABLE sq_colour (id integer PRIMARY KEY);
