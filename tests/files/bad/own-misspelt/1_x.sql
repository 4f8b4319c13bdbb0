-- dbmig:up
SELECT 1;
-- dbmig:no-transactions
