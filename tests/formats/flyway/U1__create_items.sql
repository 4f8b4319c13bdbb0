DROP TABLE fw_item;
