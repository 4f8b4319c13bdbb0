-- dbmig:up
CREATE UNIQUE INDEX auth_user_name ON auth_user (name);
-- dbmig:down
DROP INDEX auth_user_name;
