-- A comment before the first annotation.

-- +goose Up
CREATE TABLE gs_user (id integer PRIMARY KEY, name text);
INSERT INTO gs_user VALUES (1, 'it''s; a semicolon');

-- +goose Down
DROP TABLE gs_user;
