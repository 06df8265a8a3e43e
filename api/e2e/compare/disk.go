package main

import (
	"errors"
	"os"
	"path/filepath"
)

// diskWriter stores images without a server: it writes and syncs each image as a new file.
type diskWriter struct {
	dir   string
	image func() (img []byte, name string)
}

func (d *diskWriter) warm() error { return nil }
func (d *diskWriter) close()      {}

func (d *diskWriter) run(next func() bool) error {
	for next() {
		img, name := d.image()
		if err := writeSynced(filepath.Join(d.dir, name), img); err != nil {
			return err
		}
	}
	return nil
}

// writeSynced returns when a new file with this content is on the disk. Like a server, it
// does not sync the folder.
func writeSynced(path string, content []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = syncData(f)
	}
	return errors.Join(err, f.Close())
}
