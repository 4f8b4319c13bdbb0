-- dbmig:up
CREATE TABLE auth_role (
	user_id integer NOT NULL REFERENCES auth_user ON DELETE CASCADE,
	role text NOT NULL CHECK (role IN ('admin', 'clerk')),
	PRIMARY KEY (user_id, role)
);
INSERT INTO auth_role SELECT id, 'admin' FROM auth_user;

-- dbmig:down
DROP TABLE auth_role;
