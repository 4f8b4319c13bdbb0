-- a head

-- dbmig:upp
SELECT 1;
