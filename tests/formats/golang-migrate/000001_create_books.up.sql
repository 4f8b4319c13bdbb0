CREATE TABLE gm_book (id integer PRIMARY KEY, title text NOT NULL);
