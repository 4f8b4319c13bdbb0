-- dbmig:up
INSERT INTO auth_user (name) SELECT 'admin';
-- dbmig:down
DELETE FROM auth_user;
