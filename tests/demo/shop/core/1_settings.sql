-- What all packages stand on.
-- dbmig:up
CREATE TABLE core_setting (
	name text PRIMARY KEY,
	value text NOT NULL
);
INSERT INTO core_setting VALUES ('currency', 'EUR');

-- dbmig:down
DROP TABLE core_setting;
