-- dbmig:no-transaction please
-- dbmig:up
SELECT 1;
