package parity

// versions are those that requests have unless a script says otherwise: the newest of Apache Kafka 3.9 in which topics have
// names and transactions are those of version 1.
var versions = map[int16]int16{
	0: 11, 1: 12, 2: 9, 3: 12, 8: 9, 9: 9, 10: 4, 11: 9, 12: 4, 13: 5, 14: 5, 15: 5, 16: 5, 17: 1, 18: 4, 19: 7, 20: 6, 21: 2,
	22: 4, 23: 4, 24: 3, 25: 3, 26: 3, 27: 1, 28: 3, 29: 3, 30: 3, 31: 3, 32: 4, 33: 2, 35: 4, 37: 3, 42: 2, 43: 2, 44: 1, 45: 0, 46: 0,
	47: 0, 48: 1, 49: 1, 50: 0, 51: 0, 57: 1, 60: 1, 61: 0, 65: 0, 66: 1, 68: 1, 69: 1, 74: 1, 75: 0,
}
