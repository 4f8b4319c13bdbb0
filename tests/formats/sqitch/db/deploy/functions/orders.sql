BEGIN;
CREATE TABLE sq_order (id integer PRIMARY KEY, user_id integer NOT NULL REFERENCES sq_user);
COMMIT;
