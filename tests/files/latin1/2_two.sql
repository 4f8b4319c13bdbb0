-- Grьяe
SELECT 2;
