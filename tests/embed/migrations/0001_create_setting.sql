-- dbmig:portable
-- dbmig:up
CREATE TABLE setting (
	id ${serial} PRIMARY KEY,
	name text NOT NULL UNIQUE,
	code ${uuid} NOT NULL DEFAULT ${new_uuid},
	changed ${timestamp} NOT NULL DEFAULT ${now},
	hidden ${bool} NOT NULL DEFAULT ${false}
);
-- dbmig:down
DROP TABLE setting;
