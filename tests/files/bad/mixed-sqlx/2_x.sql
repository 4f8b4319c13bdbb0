-- dbmig:up
SELECT 1;
