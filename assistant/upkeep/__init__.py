"""What keeps a corpus: files followed, catalogs exported, copied, brought back and told apart."""
