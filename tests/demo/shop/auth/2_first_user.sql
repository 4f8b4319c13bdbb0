-- dbmig:up
INSERT INTO auth_user (email) VALUES ('admin@example.org');

-- dbmig:down
DELETE FROM auth_user WHERE email = 'admin@example.org';
