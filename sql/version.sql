-- dbmig_version
SELECT CASE WHEN dbmig_version() LIKE '_%.%_' THEN 'a version' ELSE dbmig_version() END;
