-- Numbers for invoices: a sequence where there is one.
-- dbmig:up postgres
CREATE SEQUENCE core_number START 1000;

-- dbmig:up sqlite
CREATE TABLE core_number (last integer NOT NULL);
INSERT INTO core_number VALUES (999);

-- dbmig:down postgres
DROP SEQUENCE core_number;

-- dbmig:down sqlite
DROP TABLE core_number;
