package settings

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"imageserver/api/imaging/format"
	"imageserver/api/imaging/worker"
)

// DecodeCommand is the command of the program that calls worker.Run.
const DecodeCommand = "decode"

// codecs returns the encoder of WebP and the decoders of the types that are on. It returns nil
// if the system does not let them run.
func (s *Server) codecs(log *slog.Logger) *worker.Pool {
	var types []format.Type
	if s.HEIC == "on" {
		types = append(types, format.HEIC)
	}
	if s.AVIF == "on" {
		types = append(types, format.AVIF)
	}
	level := slog.LevelWarn
	if len(types) == 0 { // the operator expects little
		level = slog.LevelDebug
	}
	const without = "HEIC and AVIF are not resized, and no WebP is made, because "
	if !worker.Available() {
		log.Log(context.Background(), level, without+"the system forbids executable memory. Under systemd, remove MemoryDenyWriteExecute=yes. To hide this message, use --heic=off --avif=off")
		return nil
	}
	program, err := executable()
	if err != nil {
		log.Log(context.Background(), level, without+"the server does not find its own executable", "err", err)
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

// codecCache returns the folder for the compiled decoders and encoder: that of systemd, that of
// the user, or one beside the data file. It returns an empty path if none can be made. They
// are then compiled again for each process.
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
	log.Warn("no folder can be written for the compiled decoders of HEIC and AVIF and the encoder of WebP, so each start of one takes up to seconds", "folders", folders)
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
