-- dbmig:no-transaction
-- dbmig:up
SELECT 2;
