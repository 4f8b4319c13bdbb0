BEGIN;
SELECT id, name, email FROM sq_user WHERE FALSE;
ROLLBACK;
