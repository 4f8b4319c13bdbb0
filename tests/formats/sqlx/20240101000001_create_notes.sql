CREATE TABLE sx_note (id integer PRIMARY KEY);
