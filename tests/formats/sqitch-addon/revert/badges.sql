DROP TABLE sq_badge;
