INSERT INTO sq_user (id, name, email) VALUES (1, 'Ann', 'ann@example.com');
