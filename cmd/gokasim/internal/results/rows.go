package results

import (
	"errors"
	"io"

	"github.com/gokasim/gokasim/internal/dump"
)

// each calls f with every record of a file, which must have no malformed line. The record is valid during the call.
func each(file string, f func(*dump.Record) error) (err error) {
	r, err := dump.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var rec dump.Record
	for {
		switch err := r.Next(&rec); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := f(&rec); err != nil {
			return err
		}
	}
}

// fold reads a file of a table: the last value of each key, in which a null deletes.
func fold(file string) (map[string]string, error) {
	rows := map[string]string{}
	return rows, each(file, func(rec *dump.Record) error {
		if rec.Value == nil {
			delete(rows, string(rec.Key))
		} else {
			rows[string(rec.Key)] = string(rec.Value)
		}
		return nil
	})
}
