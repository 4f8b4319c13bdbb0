-- dbmig:role owner of one
-- dbmig:portable
-- dbmig:up
SELECT 1;
