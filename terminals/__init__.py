"""PTYs, the processes in them and everything these printed; no database."""
