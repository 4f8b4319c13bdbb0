CREATE INDEX fw_item_name ON fw_item (name);
