INSERT INTO sq_order (id, user_id) VALUES (1, 1);
