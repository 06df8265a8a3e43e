// Imageserver stores images sent by POST /upload and serves them under
// /images/, from one executable and one data file.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/mattn/go-isatty"

	"imageserver/api"
	"imageserver/api/format"
	"imageserver/api/intake"
	"imageserver/api/listen"
	"imageserver/api/progress"
	"imageserver/api/transfer"
	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/ui"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default is back: a second one quits at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program but for its process: it returns the exit code, when ctx
// ends or the command does.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var commands struct {
		Serve   serve   `cmd:"" default:"withargs" help:"Serve images over HTTP. This is what it does when no command is given."`
		Import  imports `cmd:"" help:"Store the images in folders and files."`
		Export  exports `cmd:"" help:"Write all images into a folder."`
		Check   check   `cmd:"" help:"Read the whole data file and say what is damaged."`
		Compact compact `cmd:"" help:"Give back to the disk what is free in the data file."`
		Version version `cmd:"" help:"Print the version."`
	}
	exit := -1
	parser := kong.Must(&commands,
		kong.Name("imageserver"),
		kong.Description("An image server: upload with POST /upload, retrieve with GET /images/NAME."),
		kong.DefaultEnvars("IMAGESERVER"),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }), // --help
		kong.Vars{"types": fmt.Sprint(format.Types())},
	)
	command, err := parser.Parse(args)
	switch {
	case exit >= 0:
		return exit
	case err != nil:
		fmt.Fprintf(stderr, "imageserver: %v; see imageserver %s --help\n", err, meant(err))
		return exitUsage
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(&terminal{stdout, stderr})
	var wrong usageError
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "imageserver: %v\n", err)
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "imageserver: %v\n", err)
		return exitFailed
	}
	return 0
}

// meant returns the command that a command line was meant for.
func meant(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context.Selected() != nil {
		return wrong.Context.Selected().Name
	}
	return "serve"
}

// terminal is where a command writes.
type terminal struct{ stdout, stderr io.Writer }

// watch shows how far work on the data file is, and what it finds.
func (t *terminal) watch() bolt.Watch {
	var shown *progress.Display
	return bolt.Watch{
		Begin: func(what string, bytes int64) bolt.Meter {
			shown = progress.NewBytes(t.stderr, what, bytes)
			return shown
		},
		Found: func(p bolt.Problem) {
			if shown == nil {
				fmt.Fprintln(t.stdout, p)
				return
			}
			shown.Printf(t.stdout, "%v", p)
		},
	}
}

// usageError is a combination of flags that makes no sense.
type usageError struct{ error }

type version struct{}

func (version) Run(t *terminal) error {
	v := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
	}
	_, err := fmt.Fprintln(t.stdout, "imageserver", v)
	return err
}

// check reads the data file and says what is damaged.
type check struct {
	DB     string `name:"db" default:"images.db" help:"The data file."`
	Repair bool   `help:"Mend what can be mended."`
}

// Help is shown by --help.
func (*check) Help() string {
	return `Example:

    imageserver check --db images.db

It reads every page, every checksum and the SHA-256 of every image, and changes nothing. Stop the server first. The exit code is 0 when all is sound, 1 when something is damaged, 2 for wrong usage.

With --repair it makes indices, counts and lost records again, and deletes what belongs to no image. It never touches a sound image; a damaged one stays, and is mended when the same bytes are uploaded again. Where pages of the file are damaged it puts all that can be read in a new file, which needs as much disk space again, and keeps the damaged one. It can be interrupted at any moment and run again.`
}

func (cmd *check) Run(ctx context.Context, t *terminal) error {
	if cmd.DB == "" {
		return errNoPath
	}
	if !cmd.Repair {
		found, err := bolt.Check(ctx, cmd.DB, t.watch())
		if err != nil {
			return err
		}
		return t.verdict(cmd.DB, found, "imageserver check --repair mends what can be mended")
	}
	done, err := bolt.Repair(ctx, cmd.DB, bolt.RepairOptions{Watch: t.watch(), Inspect: intake.Describe})
	if err != nil {
		return err
	}
	if done.Kept != "" {
		fmt.Fprintf(t.stdout, "%s is kept as it was: delete it when nothing in it is missed\n", done.Kept)
	}
	if done.After != done.Before && done.After.Problems == 0 {
		fmt.Fprintf(t.stdout, "%s has been repaired\n", cmd.DB)
	}
	return t.verdict(cmd.DB, done.After, "this could not be mended")
}

// verdict says what Check found, and returns an error with the advice where
// that is a problem.
func (t *terminal) verdict(path string, r *bolt.Report, advice string) error {
	count := func(n int64, one, more string) string {
		return humanize.Comma(n) + " " + english.PluralWord(int(n), one, more)
	}
	if r.Problems > 0 {
		return fmt.Errorf("%s: %s; %s damaged, of %s; %s", path, count(int64(r.Problems), "problem", ""),
			count(int64(r.Damaged), "image is", "images are"), humanize.Comma(max(r.Images+r.Trash, int64(r.Damaged))), advice)
	}
	_, err := fmt.Fprintf(t.stdout, "%s is sound: %s of %s, %s in the trash, %s\n", path, count(r.Images, "image", ""),
		progress.Bytes(r.Bytes), humanize.Comma(r.Trash), count(r.Copies, "resized copy", "resized copies"))
	return err
}

// compact makes the data file as small as what is in it.
type compact struct {
	DB string `name:"db" default:"images.db" help:"The data file."`
}

// Help is shown by --help.
func (*compact) Help() string {
	return `Example:

    imageserver compact --db images.db

What deleted images leave free in the data file is used again, but the file never shrinks by itself. This writes a copy without it beside the file, compares the two, and puts the copy in the place of the file. Stop the server first; the disk must have room for the copy. It can be interrupted at any moment: the file is then as it was, and what is left of the copy goes with the next run.`
}

func (cmd *compact) Run(ctx context.Context, t *terminal) error {
	if cmd.DB == "" {
		return errNoPath
	}
	before, after, err := bolt.Compact(ctx, cmd.DB, t.watch())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.stdout, "%s: from %s to %s, %s less\n", cmd.DB, progress.Bytes(before), progress.Bytes(after), progress.Bytes(before-after))
	return err
}

// serve is the server.
type serve struct {
	Addr         string         `default:"127.0.0.1:5000" help:"Address to listen on. With port 0 a free one is taken."`
	DB           string         `name:"db" default:"images.db" help:"The data file. It is made when there is none."`
	MaxUpload    size           `default:"64MiB" help:"The largest image that is taken."`
	UploadMemory size           `default:"64MiB" help:"Memory for uploads under way; more of them wait."`
	MaxDBSize    size           `name:"max-db-size" default:"0" help:"The largest that the data file may become, such as 10GiB; 0 leaves it to the disk."`
	Trash        life           `default:"24h" help:"For how long deleted and replaced images can be brought back, such as 12h or 7d; 0 deletes at once."`
	Rate         api.Rate       `default:"0" help:"How many images a client may upload, such as 60/m or 10/s, all of them at once; 0 is no limit. A client is an IPv4 address or an IPv6 /64."`
	Strip        bool           `help:"Take metadata, such as the place of a photo, out of every upload. Only JPEG, PNG and WebP are taken then."`
	CopiesBudget budget         `default:"auto" help:"Room for resized copies; auto is a tenth of the images, or 1GiB if that is more; 0 keeps none."`
	ResizeMemory size           `default:"512MiB" help:"Memory for making resized copies; more of them wait."`
	MaxPixels    int64          `default:"100000000" help:"The largest picture that is resized, in pixels. Larger ones can be stored and shown."`
	Token        string         `help:"Ask for this bearer token to upload, list and delete. Looking at images stays public."`
	Open         bool           `help:"Let everybody who can reach the server upload, list and delete."`
	BaseURL      *url.URL       `name:"base-url" help:"What the URLs in answers begin with, such as https://img.example.com."`
	CORSOrigin   []string       `name:"cors-origin" default:"*" help:"The origins whose pages may upload and show images."`
	TrustedProxy []netip.Prefix `help:"Networks of proxies whose X-Forwarded headers count, such as 127.0.0.0/8."`
	Allow        []format.Type  `help:"Types of images to take. The default is all: ${types}."`
	TLS          tlsFlags       `embed:""`
	Log          string         `enum:"auto,text,json" default:"auto" help:"Form of the log: text or json; auto is text on a terminal."`
}

// How long a client may take, and a shutdown.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	shutdownTimeout   = 30 * time.Second
)

// Run serves until ctx ends, and then lets the requests under way finish.
func (cmd *serve) Run(ctx context.Context, t *terminal) error {
	if err := cmd.check(); err != nil {
		return err
	}
	cmd.limitMemory()
	log := cmd.logger(t.stderr)
	listener, err := cmd.listen()
	if err != nil {
		return err
	}
	defer listener.Close()
	acme := cmd.TLS.acme(cmd.DB+".certs", log) // beside the data file
	https, err := cmd.TLS.config(acme, log)
	if err != nil {
		return err
	}
	metrics := api.NewMetrics()
	store, err := bolt.Open(cmd.DB, bolt.Options{
		UploadMemory: int64(cmd.UploadMemory),
		MaxSize:      int64(cmd.MaxDBSize),
		Committed:    metrics.Commit,
		Log:          log,
	})
	if err != nil {
		return err
	}
	handler := api.New(store, ui.Handler(), api.Options{
		MaxUpload:      int64(cmd.MaxUpload),
		Trash:          time.Duration(cmd.Trash),
		Rate:           cmd.Rate,
		Strip:          cmd.Strip,
		CopiesBudget:   int64(cmd.CopiesBudget),
		ResizeMemory:   int64(cmd.ResizeMemory),
		MaxPixels:      cmd.MaxPixels,
		Allow:          cmd.Allow,
		Token:          cmd.Token,
		LocalOnly:      loopback(listener.Addr()),
		BaseURL:        cmd.BaseURL,
		CORSOrigins:    cmd.CORSOrigin,
		TrustedProxies: cmd.TrustedProxy,
		Metrics:        metrics,
		Log:            log,
	})
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       api.ConnContext,
		TLSConfig:         https,
		HTTP2:             handler.HTTP2(),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if cmd.CopiesBudget != 0 { // it may have been more before
		go trim(ctx, store, max(0, int64(cmd.CopiesBudget)), log)
	}
	served := make(chan error, 1)
	go func() {
		if https != nil {
			served <- server.ServeTLS(api.Listener(listener), "", "")
		} else {
			served <- server.Serve(api.Listener(listener))
		}
	}()
	go acme.Fetch(https)
	status := fmt.Sprintf("Images at %s/ in the data file %s", cmd.TLS.origin(listener.Addr()), cmd.DB)
	fmt.Fprintln(t.stdout, status)
	listen.Ready(status, log)
	go listen.Watch(ctx, store.Ready, log)

	select {
	case err = <-served:
	case <-ctx.Done():
		listen.Stopping("Finishing the requests under way", log)
		handler.Drain()
		err = shutdown(server, log)
	}
	return errors.Join(err, store.Close())
}

// minResizeMemory is what a small picture takes.
const minResizeMemory = 16 << 20

// minDBSize leaves room for images beside what the data file keeps free for
// deletes.
const minDBSize = 16 << 20

// otherMemory is what the server takes besides uploads and resizing, in bytes,
// with room for the garbage collector.
const otherMemory = 128 << 20

// limitMemory has the garbage collector keep to what the flags allow. By itself
// it would let the heap grow to twice of what is in use, and a picture that is
// being resized can be half a gigabyte.
func (cmd *serve) limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(cmd.UploadMemory) + int64(cmd.ResizeMemory) + otherMemory)
	}
}

// trim deletes copies above the budget.
func trim(ctx context.Context, store db.Store, budget int64, log *slog.Logger) {
	err := store.TrimCopies(ctx, budget)
	if err != nil && ctx.Err() == nil {
		log.Warn("copies above the budget stay for now", "err", err)
	}
}

// shutdown waits for requests under way, but not for ever.
func shutdown(server *http.Server, log *slog.Logger) error {
	log.Info("shutting down; a second signal quits at once")
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests were still under way and are cut off")
		return server.Close()
	}
	return err
}

// listen returns the socket that systemd passes or, without one, a new one for
// --addr. It refuses what would open the server to the network by accident.
func (cmd *serve) listen() (net.Listener, error) {
	l, err := listen.Inherited()
	if err != nil {
		return nil, err
	}
	where := "the socket that systemd passes"
	if l == nil {
		if l, err = cmd.bind(); err != nil {
			return nil, err
		}
		where = "--addr=" + cmd.Addr
	}
	if !loopback(l.Addr()) && !cmd.guarded() {
		l.Close()
		return nil, errExposed(where)
	}
	return l, nil
}

// bind listens on --addr.
func (cmd *serve) bind() (net.Listener, error) {
	host, _, err := net.SplitHostPort(cmd.Addr)
	switch {
	case err != nil:
		return nil, usageError{fmt.Errorf("--addr=%s: want HOST:PORT, such as 127.0.0.1:5000", cmd.Addr)}
	case !localName(host) && !cmd.guarded():
		return nil, errExposed("--addr=" + cmd.Addr)
	}
	l, err := net.Listen("tcp", cmd.Addr)
	if err != nil {
		return nil, listenError(cmd.Addr, err)
	}
	return l, nil
}

// guarded reports whether it is said who may change images on a server that
// other machines reach.
func (cmd *serve) guarded() bool { return cmd.Token != "" || cmd.Open }

func errExposed(where string) error {
	return usageError{fmt.Errorf("%s can be reached from other machines: give --token=SECRET to ask for a token, or --open to let everybody upload and delete", where)}
}

// check refuses values of flags that make no sense.
func (cmd *serve) check() error {
	if cmd.DB == "" {
		return errNoPath
	}
	if cmd.BaseURL != nil && !webAddress(cmd.BaseURL) {
		return usageError{fmt.Errorf("--base-url=%s: want a URL such as https://img.example.com", cmd.BaseURL)}
	}
	for _, origin := range cmd.CORSOrigin {
		if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil && origin != "*" {
			return usageError{fmt.Errorf("--cors-origin=%s: want * or an origin such as https://app.example.com", origin)}
		}
	}
	if cmd.MaxUpload <= 0 || cmd.UploadMemory <= 0 {
		return usageError{errors.New("--max-upload and --upload-memory: want a size such as 64MiB")}
	}
	if cmd.MaxDBSize != 0 && cmd.MaxDBSize < minDBSize {
		return usageError{errors.New("--max-db-size: want 16MiB or more, such as 10GiB, or 0 for no limit")}
	}
	if cmd.ResizeMemory < minResizeMemory {
		return usageError{errors.New("--resize-memory: want 16MiB or more, such as 512MiB")}
	}
	if cmd.MaxPixels <= 0 {
		return usageError{fmt.Errorf("--max-pixels=%d: want a number of pixels such as 100000000", cmd.MaxPixels)}
	}
	return cmd.TLS.check()
}

var errNoPath = usageError{errors.New("--db: want the path of a file")}

// webAddress reports whether u is one that paths can be added to.
func webAddress(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && u.RawQuery == "" && u.Fragment == ""
}

// localName reports whether host can only mean this machine.
func localName(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// loopback reports whether only this machine can reach addr.
func loopback(addr net.Addr) bool {
	a, err := netip.ParseAddrPort(addr.String())
	return err == nil && a.Addr().IsLoopback()
}

func listenError(addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program; stop that one, or choose another address with --addr", addr)
	}
	return fmt.Errorf("cannot listen on %s: %w", addr, errors.Unwrap(err))
}

// logger writes text for people on a terminal and JSON for programs elsewhere.
func (cmd *serve) logger(w io.Writer) *slog.Logger {
	f, isFile := w.(*os.File)
	if cmd.Log == "text" || cmd.Log == "auto" && isFile && isatty.IsTerminal(f.Fd()) {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// tlsFlags say where the certificate comes from: from files, from a CA, or from
// nowhere, and then the server speaks plain HTTP.
type tlsFlags struct {
	Cert      string   `name:"tls-cert" placeholder:"FILE" help:"Serve https with the certificate chain in this PEM file, and --tls-key. Both are read again when they change."`
	Key       string   `name:"tls-key" placeholder:"FILE" help:"The PEM file with the key of --tls-cert."`
	Hosts     []string `name:"autocert" placeholder:"HOST" help:"Serve https with certificates for these host names that a CA gives by ACME. You accept its terms of service. It must reach this server at port 443 of each host."`
	Directory *url.URL `name:"acme-directory" default:"https://acme-v02.api.letsencrypt.org/directory" help:"The CA of --autocert. The default is Let's Encrypt."`
	Email     string   `name:"acme-email" help:"Where the CA of --autocert may write to."`
}

// check refuses flags that do not belong together.
func (f *tlsFlags) check() error {
	for _, host := range f.Hosts {
		if err := listen.CheckHost(host); err != nil {
			return usageError{fmt.Errorf("--autocert=%s: %w", host, err)}
		}
	}
	switch {
	case (f.Cert == "") != (f.Key == ""):
		return usageError{errors.New("--tls-cert and --tls-key belong together: give both files, or none")}
	case f.Cert != "" && len(f.Hosts) > 0:
		return usageError{errors.New("--autocert and --tls-cert: want one of them")}
	case f.Email != "" && len(f.Hosts) == 0:
		return usageError{errors.New("--acme-email: want --autocert with it")}
	case f.Directory.Scheme != "https" || f.Directory.Host == "":
		return usageError{fmt.Errorf("--acme-directory=%s: want a URL such as https://ca.example.com/directory", f.Directory)}
	}
	return nil
}

// acme says how to get certificates, which are kept in the folder dir.
func (f *tlsFlags) acme(dir string, log *slog.Logger) listen.ACME {
	return listen.ACME{Hosts: f.Hosts, Dir: dir, Directory: f.Directory.String(), Email: f.Email, Log: log}
}

// config returns the configuration of TLS, or nil for plain HTTP.
func (f *tlsFlags) config(acme listen.ACME, log *slog.Logger) (*tls.Config, error) {
	switch {
	case f.Cert != "":
		return listen.FromFiles(f.Cert, f.Key, log)
	case len(f.Hosts) > 0:
		return acme.Config()
	}
	return nil, nil
}

// origin is how the server's own URLs begin, without a slash. A CA's certificate
// is for a name and not for the address that the server listens on.
func (f *tlsFlags) origin(addr net.Addr) string {
	switch {
	case len(f.Hosts) > 0:
		_, port, _ := net.SplitHostPort(addr.String())
		return strings.TrimSuffix("https://"+f.Hosts[0]+":"+port, ":443")
	case f.Cert != "":
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}

// place is where the images of a command are.
type place struct {
	DB     string   `name:"db" default:"images.db" help:"The data file, which no server may have open."`
	Server *url.URL `help:"Use the running server at this address instead, such as http://127.0.0.1:5000."`
	Token  string   `help:"The token of that server."`
}

// use has do work on the images. The data file must be there already, unless it
// may be made.
func (p *place) use(t *terminal, rules intake.Rules, mayMake bool, do func(transfer.Images, transfer.Output) error) error {
	o := transfer.Output{Out: t.stdout, Progress: t.stderr}
	if p.Server != nil {
		if !webAddress(p.Server) {
			return usageError{fmt.Errorf("--server=%s: want a URL such as http://127.0.0.1:5000", p.Server)}
		}
		images := transfer.Server(p.Server, p.Token)
		defer images.Close()
		return do(images, o)
	}
	if p.DB == "" {
		return errNoPath
	}
	if _, err := os.Stat(p.DB); errors.Is(err, fs.ErrNotExist) && !mayMake {
		return fmt.Errorf("there is no data file %s; name it with --db", p.DB)
	}
	store, err := bolt.Open(p.DB, bolt.Options{Log: slog.New(slog.NewTextHandler(t.stderr, nil))})
	if errors.Is(err, bolt.ErrInUse) {
		return fmt.Errorf("data file %s: another process is using it; if that is a server, give its address, such as --server=http://127.0.0.1:5000", p.DB)
	}
	if err != nil {
		return err
	}
	return errors.Join(do(transfer.Store(store, rules), o), store.Close())
}

// imports is the command import.
type imports struct {
	place
	MaxUpload size          `default:"64MiB" help:"The largest image that is taken into the data file. A server has its own limit."`
	Strip     bool          `help:"Take the metadata out of what goes into the data file, as serve --strip does."`
	Allow     []format.Type `help:"Types of images to take into the data file. The default is all: ${types}."`
	Paths     []string      `arg:"" name:"path" help:"Folders and files."`
}

// Help is what import --help says below the first line.
func (*imports) Help() string {
	return `Example:

    imageserver import ~/Pictures

Images keep their names; those of sub-folders begin with the folder's name and "_", as in 2024_cat.jpg. The time a file was changed becomes the time of upload. Nothing is replaced, and what is there already is left alone, so it can be run again at any time. Hidden files and links are passed over, and what is no image is listed.`
}

func (cmd *imports) Run(ctx context.Context, t *terminal) error {
	if cmd.MaxUpload <= 0 {
		return usageError{errors.New("--max-upload: want a size such as 64MiB")}
	}
	rules := intake.Rules{MaxSize: int64(cmd.MaxUpload), Allow: cmd.Allow, Strip: cmd.Strip}
	return cmd.use(t, rules, true, func(to transfer.Images, o transfer.Output) error {
		return transfer.Import(ctx, to, cmd.Paths, o)
	})
}

// exports is the command export.
type exports struct {
	place
	Overwrite bool   `help:"Replace files that hold something else than the image of their name."`
	Dir       string `arg:"" help:"The folder to write to. It is made when there is none."`
}

// Help is what export --help says below the first line.
func (*exports) Help() string {
	return `Example:

    imageserver export ~/Backup

Files get the names of the images and the times of their upload. Each is checked against its SHA-256 while it is written. Files that are there already are left alone, so it can be run again at any time. A name that Windows could not hold, or that differs from another in case alone, is changed and listed.`
}

func (cmd *exports) Run(ctx context.Context, t *terminal) error {
	return cmd.use(t, intake.Rules{}, false, func(from transfer.Images, o transfer.Output) error {
		return transfer.Export(ctx, from, cmd.Dir, cmd.Overwrite, o)
	})
}

// size is a number of bytes, written like 64MiB.
type size int64

func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is no size such as 64MiB", text)
	}
	*s = size(n)
	return nil
}

// life is a time that an image is kept, written like 12h or 7d.
type life time.Duration

func (l *life) UnmarshalText(text []byte) error {
	d, ok := api.ParseLife(string(text))
	if !ok || d < 0 {
		return fmt.Errorf("%q is no time such as 12h or 7d", text)
	}
	*l = life(d)
	return nil
}

// budget is a size for copies, in api's terms: 0 leaves it to api, and less
// means none.
type budget int64

func (b *budget) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*b = 0
		return nil
	}
	var s size
	if err := s.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is neither auto nor a size such as 10GiB", text)
	}
	if *b = budget(s); s == 0 {
		*b = -1
	}
	return nil
}
