package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"imageserver/api/portable"
	"imageserver/api/printable"
	"imageserver/api/progress"
	"imageserver/db"
)

// Export writes all images into the folder dir. It creates the folder if it does not
// exist. Each file has the name of its image, and its modification time is the upload
// time. Export does not change a file that already has the same bytes. If a file has other
// bytes, Export replaces the file if overwrite is set, and reports an error otherwise.
// Export returns an error if an image could not be written, or if it stopped early.
func Export(ctx context.Context, from Images, dir string, overwrite bool, o Output) error {
	images, err := listAll(ctx, from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("%s: %w", printable.Name(dir), plain(err))
	}
	if err := removeParts(dir); err != nil {
		return fmt.Errorf("%s: %w", printable.Name(dir), plain(err))
	}
	slices.Reverse(images) // the earliest upload first, see portable.Names
	names, err := fileNames(ctx, images)
	if err != nil {
		return err
	}
	r := newReport(o, "Exporting", len(images))
	defer r.display.Close()
	err = each(ctx, len(images), func(ctx context.Context, i int) error {
		return r.exportImage(ctx, from, images[i], target{filepath.Join(dir, names[i]), overwrite})
	})
	err = errors.Join(err, syncDir(dir))
	r.end(map[result]string{done: "written", present: "already there", removed: "deleted or replaced meanwhile", failed: "failed"})
	switch {
	case err != nil:
		return r.stopped(err, len(images))
	case r.counts[failed] > 0:
		return fmt.Errorf("%s could not be exported", progress.Count(r.counts[failed], "image", "images"))
	}
	return nil
}

// listAll returns all images, the newest first.
func listAll(ctx context.Context, from Images) (all []db.Image, err error) {
	for after := ""; ; {
		page, next, err := from.List(ctx, after)
		if err != nil {
			return nil, err
		}
		for _, img := range page { // keep only the necessary fields, because there may be a million images
			all = append(all, db.Image{Name: img.Name, Size: img.Size, SHA256: img.SHA256, Uploaded: img.Uploaded})
		}
		if next == "" {
			return all, nil
		}
		after = next
	}
}

// fileNames returns the name of the file for each image.
func fileNames(ctx context.Context, images []db.Image) ([]string, error) {
	names := make([]string, len(images))
	for i, img := range images {
		names[i] = img.Name
	}
	return portable.Names(ctx, names)
}

// target is the file for an image.
type target struct {
	path      string
	overwrite bool // replace a file with other bytes
}

// exportImage writes one image and reports the result. It returns only errors that
// concern all images.
func (r *report) exportImage(ctx context.Context, from Images, img db.Image, to target) error {
	what, err := tryExport(ctx, from, img, to)
	file := filepath.Base(to.path)
	var own *fileError
	switch {
	case errors.As(err, &own):
		r.add(failed, img.Name, own.Error())
	case errors.Is(err, db.ErrDamaged):
		r.add(failed, img.Name, err.Error())
	case errors.Is(err, db.ErrNotFound):
		r.add(removed, img.Name, "deleted or replaced meanwhile")
	case err != nil:
		return err
	case file != img.Name:
		r.add(what, img.Name, under(what, "written", file))
	default:
		r.add(what, img.Name, "")
	}
	return nil
}

// tryExport writes one image, unless the file already has the same bytes.
func tryExport(ctx context.Context, from Images, img db.Image, to target) (result, error) {
	same, err := to.holds(img)
	if same || err != nil {
		return present, err
	}
	part, err := newPart(filepath.Dir(to.path))
	if err != nil {
		return failed, err
	}
	defer part.discard()
	switch err := from.Fetch(ctx, img, part); {
	case part.err != nil:
		return failed, part.err
	case err != nil:
		return failed, err
	case part.digest() != img.SHA256:
		return failed, fmt.Errorf("%w: its bytes do not match its SHA-256", db.ErrDamaged)
	}
	err = part.publish(to, img.Uploaded)
	if errors.Is(err, errTaken) { // another export may have written this image
		if same, _ := to.holds(img); same {
			return present, nil
		}
	}
	return done, err
}

// holds reports whether the file already has the bytes of img. If something else has
// this name, holds returns an error. It returns no error for a file if overwrite is set.
func (to target) holds(img db.Image) (bool, error) {
	info, err := os.Lstat(to.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, &fileError{err}
	case !info.Mode().IsRegular():
		return false, &fileError{errors.New("the folder contains something of this name that is not a regular file; export to another folder")}
	}
	if info.Size() == img.Size {
		digest, err := fileDigest(to.path)
		if err != nil || digest == img.SHA256 {
			return err == nil, err
		}
	}
	if !to.overwrite {
		return false, &fileError{errors.New("the folder contains another file of this name; move that file to another folder, or use --overwrite")}
	}
	return false, nil
}

// fileDigest returns the SHA-256 of the file at path.
func fileDigest(path string) (d db.Digest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, &fileError{err}
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return d, &fileError{err}
	}
	return db.Digest(hash.Sum(nil)), nil
}
