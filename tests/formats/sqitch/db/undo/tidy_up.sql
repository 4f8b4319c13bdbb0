DELETE FROM sq_user WHERE id = 1;
