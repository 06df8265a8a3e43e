package main

import (
	"errors"
	"os"
	"path/filepath"
)

// diskWriter stores images without a server: it writes and syncs each image.
type diskWriter struct {
	file  *os.File // to which it appends all images; nil to make a new file for each
	dir   string   // of the new files
	image func() (img []byte, name string)
}

// newDiskWriter returns a writer for one client. A sync of a new file takes longer than one
// of a file that grows, because the file system must also record the new file.
func newDiskWriter(dir string, appends bool, image func() ([]byte, string)) (*diskWriter, error) {
	d := &diskWriter{dir: dir, image: image}
	if !appends {
		return d, nil
	}
	var err error
	d.file, err = os.CreateTemp(dir, uploadPrefix)
	return d, err
}

func (d *diskWriter) warm() error { return nil }

func (d *diskWriter) close() {
	if d.file != nil {
		d.file.Close()
	}
}

func (d *diskWriter) run(next func() bool) error {
	for next() {
		if err := d.store(); err != nil {
			return err
		}
	}
	return nil
}

// store returns when an image is on the disk. Like a server, it does not sync the folder.
func (d *diskWriter) store() error {
	img, name := d.image()
	if d.file != nil {
		return writeSynced(d.file, img)
	}
	f, err := os.Create(filepath.Join(d.dir, name))
	if err != nil {
		return err
	}
	return errors.Join(writeSynced(f, img), f.Close())
}

func writeSynced(f *os.File, content []byte) error {
	if _, err := f.Write(content); err != nil {
		return err
	}
	return syncData(f)
}
