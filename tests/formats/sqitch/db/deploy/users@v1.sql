-- Deploy shop:users

BEGIN;

CREATE TABLE sq_user (
    id integer PRIMARY KEY,
    name text NOT NULL DEFAULT 'a \ b' -- \ is no command, neither here /* nor
);
/* here: \set
.read */

COMMIT;
