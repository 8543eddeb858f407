"""The clients that are measured. Each module is a program; each measurement is a run of one."""
