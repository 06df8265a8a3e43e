package settings

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/worker"
	"imageserver/api/variants"
)

// DecodeCommand is the command of the program that calls worker.Run.
const DecodeCommand = "decode"

// decoders returns the decoders of the types that are on. It returns nil if there are none, or
// if the system does not let them run.
func (s *Server) decoders(log *slog.Logger) variants.Decoders {
	var types []format.Type
	if s.HEIC == "on" {
		types = append(types, format.HEIC)
	}
	if s.AVIF == "on" {
		types = append(types, format.AVIF)
	}
	if len(types) == 0 {
		return nil
	}
	if !worker.Available() {
		log.Warn("HEIC and AVIF are not resized, because the system forbids executable memory. Under systemd, remove MemoryDenyWriteExecute=yes. To hide this message, use --heic=off --avif=off")
		return nil
	}
	program, err := executable()
	if err != nil {
		log.Warn("HEIC and AVIF are not resized, because the server does not find its own executable", "err", err)
		return nil
	}
	return worker.New(worker.Options{Types: types, Command: []string{program, DecodeCommand}, Cache: sync.OnceValue(func() string { return s.codecCache(log) }), Log: log})
}

// executable returns the path of this program. On Linux the path stays right after another
// version has replaced the file.
func executable() (string, error) {
	const self = "/proc/self/exe"
	if runtime.GOOS == "linux" {
		if _, err := os.Stat(self); err == nil {
			return self, nil
		}
	}
	return os.Executable()
}

// codecCache returns the folder for the compiled decoders: that of systemd, that of the user, or
// one beside the data file. It returns an empty path if none can be made. The decoders are
// then compiled again for each process.
func (s *Server) codecCache(log *slog.Logger) string {
	var folders []string
	if dir := os.Getenv("CACHE_DIRECTORY"); dir != "" { // systemd.exec(5)
		folders = append(folders, dir)
	}
	if dir, err := os.UserCacheDir(); err == nil {
		folders = append(folders, filepath.Join(dir, "imageserver"))
	}
	if db, err := filepath.Abs(s.DB); err == nil {
		folders = append(folders, db+".cache")
	}
	for _, dir := range folders {
		if os.MkdirAll(dir, 0o700) == nil && writable(dir) {
			return dir
		}
	}
	log.Warn("no folder can be written for the compiled decoders of HEIC and AVIF, so each start of a decoder takes seconds", "folders", folders)
	return ""
}

// writable reports whether a file can be made in a folder.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}
