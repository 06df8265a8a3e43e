// Imageserver stores images sent by POST /upload and serves them under
// /images/, from one executable and one data file.
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"imageserver/api"
	"imageserver/api/flags"
	"imageserver/api/format"
	"imageserver/api/intake"
	"imageserver/api/listen"
	"imageserver/api/printable"
	"imageserver/api/progress"
	"imageserver/api/transfer"
	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/db/bolt/offline"
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
		Help    manual  `cmd:"" help:"Print a page of the manual."`
		Version version `cmd:"" help:"Print the version, the commit and its date."`
	}
	// Names that others chose are in the log, in errors and in lists.
	stdout, stderr = printable.Writer{W: stdout}, printable.Writer{W: stderr}
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
		fmt.Fprintf(stderr, "imageserver: %v; see %s --help\n", err, meant(err, args))
		return exitUsage
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(&terminal{stdout, stderr})
	var wrong usageError
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "imageserver: %v\n", err)
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "imageserver: interrupted; run it again to have it done")
		return exitFailed
	case err != nil:
		fmt.Fprintf(stderr, "imageserver: %v\n", err)
		return exitFailed
	}
	return 0
}

// meant returns the command that a command line was meant for.
func meant(err error, args []string) string {
	command := "serve"
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context.Selected() != nil {
		command = wrong.Context.Selected().Name
	}
	if len(args) > 0 && args[0] != command && !strings.HasPrefix(args[0], "-") {
		return "imageserver" // it begins with no command that there is
	}
	return "imageserver " + command
}

// terminal is where a command writes.
type terminal struct{ stdout, stderr io.Writer }

// fatal ends the process when the store cannot go on. A supervisor such as systemd
// then starts the server again.
func (t *terminal) fatal(path string) func(error) {
	return func(err error) {
		fmt.Fprintf(t.stderr, "imageserver: data file %s: %v\n", path, err)
		os.Exit(exitFailed)
	}
}

// watch shows how far work on the data file is, and what it finds.
func (t *terminal) watch() offline.Watch {
	var shown *progress.Display
	return offline.Watch{
		Begin: func(what string, bytes int64) offline.Meter {
			shown = progress.NewBytes(t.stderr, what, bytes)
			return shown
		},
		Found: func(p offline.Problem) {
			if shown == nil {
				fmt.Fprintln(t.stdout, printable.Text(p.String()))
				return
			}
			shown.Printf(t.stdout, "%v", p)
		},
	}
}

// usageError is a combination of flags that makes no sense.
type usageError struct{ error }

//go:embed README.md api/README.md api/listen/README.md api/listen/systemd db/bolt/README.md
var docs embed.FS

// topics are the pages of the manual, by the names that help knows them under.
// The program carries the files that the repository shows.
var topics = []struct {
	name  string
	files []string
}{
	{"start", []string{"README.md"}},
	{"api", []string{"api/README.md"}},
	{"deploy", []string{"api/listen/README.md"}},
	{"systemd", []string{"api/listen/systemd/imageserver.socket", "api/listen/systemd/imageserver.service"}},
	{"datafile", []string{"db/bolt/README.md"}},
}

// manual is the command help.
type manual struct {
	Topic string `arg:"" optional:"" default:"start" help:"The page: start, api, deploy, systemd or datafile."`
}

func (cmd *manual) Run(t *terminal) error {
	var names []string
	for _, topic := range topics {
		if topic.name == cmd.Topic {
			return t.print(topic.files)
		}
		names = append(names, topic.name)
	}
	return usageError{fmt.Errorf("the manual has no page %q. Its pages are %s. For the flags of a command use --help, as in: imageserver serve --help",
		cmd.Topic, strings.Join(names, ", "))}
}

// print writes files of docs. It writes the name before each of several files.
func (t *terminal) print(files []string) error {
	for _, file := range files {
		text, err := docs.ReadFile(file)
		if err != nil {
			return err
		}
		if len(files) > 1 {
			text = fmt.Appendf(nil, "# %s\n%s\n", path.Base(file), text)
		}
		if _, err := t.stdout.Write(text); err != nil {
			return err
		}
	}
	return nil
}

type version struct{}

// Run prints the version and, where Go recorded them, the commit and its date.
func (version) Run(t *terminal) error {
	v := "(unknown)"
	about := map[string]string{} // see debug.BuildSetting
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
		for _, s := range info.Settings {
			about[s.Key] = s.Value
		}
	}
	if commit := about["vcs.revision"]; commit != "" {
		v += fmt.Sprintf(", commit %s of %s", commit, about["vcs.time"])
	}
	if about["vcs.modified"] == "true" {
		v += ", with local changes"
	}
	_, err := fmt.Fprintln(t.stdout, "imageserver", v)
	return err
}

// check reads the data file and says what is damaged.
type check struct {
	DB     string `name:"db" default:"images.db" help:"The data file."`
	Repair bool   `help:"Repair what can be repaired."`
}

// Help is shown by --help.
func (*check) Help() string {
	return `Example:

    imageserver check --db images.db

It reads every page, every checksum and the SHA-256 of every image, and changes nothing. Stop the server first. The exit code is 0 when all is sound, 1 when something is damaged, 2 for wrong usage.

With --repair it rebuilds indexes, counts and lost records, and deletes bytes that belong to no image. It never touches a sound image. A damaged image stays; upload the same bytes again to repair it. If pages of the file are damaged, it writes everything that can be read to a new file, which needs as much disk space again, and keeps the damaged file. It can be interrupted at any moment and run again.`
}

func (cmd *check) Run(ctx context.Context, t *terminal) error {
	if err := existing(cmd.DB); err != nil {
		return err
	}
	if !cmd.Repair {
		found, err := offline.Check(ctx, cmd.DB, t.watch())
		if err != nil {
			return err
		}
		return t.verdict(cmd.DB, found, "imageserver check --repair repairs what can be repaired")
	}
	done, err := offline.Repair(ctx, cmd.DB, offline.RepairOptions{Watch: t.watch(), Inspect: intake.Describe})
	if err != nil {
		return err
	}
	if done.Kept != "" {
		fmt.Fprintf(t.stdout, "kept the damaged file as %s; delete it once you have checked the repaired one\n", done.Kept)
	}
	if done.After != done.Before && done.After.Problems == 0 {
		fmt.Fprintf(t.stdout, "%s has been repaired\n", cmd.DB)
	}
	return t.verdict(cmd.DB, done.After, "this could not be repaired")
}

// verdict says what Check found, and returns an error with the advice where
// that is a problem.
func (t *terminal) verdict(path string, r *offline.Report, advice string) error {
	count := progress.Count
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
	if err := existing(cmd.DB); err != nil {
		return err
	}
	before, after, err := offline.Compact(ctx, cmd.DB, t.watch())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.stdout, "%s: from %s to %s, %s less\n", cmd.DB, progress.Bytes(before), progress.Bytes(after), progress.Bytes(before-after))
	return err
}

// serve is the server.
type serve struct {
	Addr         string        `default:"127.0.0.1:5000" help:"Address to listen on: HOST:PORT, where port 0 takes a free port, or unix:PATH for a unix socket."`
	SocketMode   flags.Mode    `default:"0660" help:"The permissions of the unix socket. A client needs permission to write."`
	DB           string        `name:"db" default:"images.db" help:"The data file. It is made when there is none."`
	MaxUpload    flags.Size    `default:"64MiB" help:"The largest image that is taken."`
	UploadMemory flags.Size    `default:"64MiB" help:"Memory for uploads under way. When it is used up more of them wait, and stalled ones end."`
	MaxDBSize    flags.Size    `name:"max-db-size" default:"0" help:"The largest that the data file may become, such as 10GiB; 0 leaves it to the disk."`
	Trash        flags.Life    `default:"24h" help:"For how long deleted and replaced images can be brought back, such as 12h or 7d; 0 deletes at once."`
	Rate         api.Rate      `default:"0" help:"How many images a client may upload, such as 60/m or 10/s, all of them at once; 0 is no limit. A client is an IPv4 address or an IPv6 /64."`
	Strip        bool          `help:"Take metadata, such as the place of a photo, out of every upload. Only JPEG, PNG and WebP are taken then."`
	CopiesBudget flags.Budget  `default:"auto" help:"Room for resized copies; auto is a tenth of the images, or 1GiB if that is more; 0 keeps none."`
	ResizeMemory flags.Size    `default:"512MiB" help:"Memory for making resized copies, and for sending those that are not kept; more of them wait."`
	MaxPixels    int64         `default:"100000000" help:"The largest picture that is resized, in pixels. Larger ones can be stored and shown."`
	Token        string        `help:"Ask for this bearer token to upload, list and delete. Looking at images stays public."`
	Open         bool          `help:"Let everybody who can reach the server upload, list and delete."`
	BaseURL      *url.URL      `name:"base-url" placeholder:"URL" help:"How the URLs in responses begin, such as https://img.example.com or https://www.example.com/img."`
	CORSOrigin   []string      `name:"cors-origin" default:"*" help:"The origins whose pages may upload and show images."`
	TrustedProxy []flags.Proxy `placeholder:"NETWORK" help:"Addresses or networks of proxies whose X-Forwarded headers count, such as 127.0.0.0/8, or unix for a proxy that connects to the unix socket."`
	Allow        []format.Type `help:"Types of images to take. The default is all: ${types}."`
	TLS          listen.TLS    `embed:""`
	Log          string        `enum:"auto,text,json" default:"auto" help:"Form of the log: text or json; auto is text on a terminal."`
}

// Help is what serve --help says below the first line.
func (*serve) Help() string {
	return `Example:

    imageserver serve --db images.db

It prints the address of its page, and serves until it gets SIGINT or SIGTERM. Then it lets the requests under way finish; a second signal quits at once.`
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
	acme := cmd.TLS.ACME(cmd.DB+".certs", log) // beside the data file
	https, err := cmd.TLS.Config(acme, log)
	if err != nil {
		return err
	}
	metrics := api.NewMetrics()
	store, err := bolt.Open(cmd.DB, bolt.Options{
		UploadMemory: int64(cmd.UploadMemory),
		MaxSize:      int64(cmd.MaxDBSize),
		Committed:    metrics.Commit,
		Fatal:        t.fatal(cmd.DB),
		Log:          log,
	})
	if err != nil {
		return err
	}
	proxies, unix := flags.Split(cmd.TrustedProxy)
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
		Private:        !cmd.guarded(),
		LocalOnly:      listen.Loopback(listener.Addr()),
		BaseURL:        cmd.BaseURL,
		CORSOrigins:    cmd.CORSOrigin,
		TrustedProxies: proxies,
		TrustUnix:      unix,
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
	status := fmt.Sprintf("Images at %s in the data file %s", cmd.origin(listener.Addr()), cmd.DB)
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

// origin returns the address of the page to print: on a unix socket, the one that
// users of its proxy see, if it is known.
func (cmd *serve) origin(addr net.Addr) string {
	switch {
	case addr.Network() != "unix":
		return cmd.TLS.Origin(addr) + "/"
	case cmd.BaseURL != nil:
		return strings.TrimSuffix(cmd.BaseURL.String(), "/") + "/ on " + cmd.TLS.Origin(addr)
	}
	return cmd.TLS.Origin(addr)
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

// guarded reports whether the operator has said who may upload and change
// images.
func (cmd *serve) guarded() bool { return cmd.Token != "" || cmd.Open }

// exposed returns the flag that says that other machines reach the server, or "":
// a proxy in front of it makes a loopback address as open as any other.
func (cmd *serve) exposed() string {
	switch {
	case cmd.BaseURL != nil && !listen.LocalName(cmd.BaseURL.Hostname()):
		return "--base-url=" + cmd.BaseURL.String()
	case len(cmd.TrustedProxy) > 0:
		return "--trusted-proxy"
	case len(cmd.TLS.Hosts) > 0: // the CA, too, must reach it
		return "--autocert=" + strings.Join(cmd.TLS.Hosts, ",")
	}
	return ""
}

// listen returns what to serve on.
func (cmd *serve) listen() (net.Listener, error) {
	if flag := cmd.exposed(); flag != "" && !cmd.guarded() {
		return nil, usageError{fmt.Errorf("%s: %w", flag, listen.ErrExposed)}
	}
	l, err := listen.Address{Addr: cmd.Addr, Mode: fs.FileMode(cmd.SocketMode), Guarded: cmd.guarded()}.Open()
	if errors.Is(err, listen.ErrAddress) || errors.Is(err, listen.ErrExposed) {
		return nil, usageError{err}
	}
	return l, err
}

// check refuses values of flags that make no sense.
func (cmd *serve) check() error {
	if cmd.DB == "" {
		return errNoPath
	}
	if cmd.BaseURL != nil && !webAddress(cmd.BaseURL) {
		return usageError{fmt.Errorf("--base-url=%s: want a URL such as https://img.example.com", cmd.BaseURL)}
	}
	for _, origin := range flags.Trim(cmd.CORSOrigin) {
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
	if err := cmd.TLS.Check(); err != nil {
		return usageError{err}
	}
	return nil
}

var errNoPath = usageError{errors.New("--db: want the path of a file")}

// existing refuses the path of a data file that is not there.
func existing(path string) error {
	if path == "" {
		return errNoPath
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no data file %s; name it with --db", path)
	}
	return nil
}

// webAddress reports whether u is one that paths can be added to.
func webAddress(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && u.RawQuery == "" && u.Fragment == ""
}

// logger writes text for people on a terminal and JSON for programs elsewhere.
func (cmd *serve) logger(w io.Writer) *slog.Logger {
	_, terminal := printable.Terminal(w)
	if cmd.Log == "text" || cmd.Log == "auto" && terminal {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
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
	if err := existing(p.DB); err != nil && (errors.Is(err, errNoPath) || !mayMake) {
		return err
	}
	store, err := bolt.Open(p.DB, bolt.Options{Fatal: t.fatal(p.DB), Log: slog.New(slog.NewTextHandler(t.stderr, nil))})
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
	MaxUpload flags.Size    `default:"64MiB" help:"The largest image that is taken into the data file. A server has its own limit."`
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
	if cmd.Dir == "" { // as from "$UNSET"
		return usageError{errors.New("want a folder to write to")}
	}
	return cmd.use(t, intake.Rules{}, false, func(from transfer.Images, o transfer.Output) error {
		return transfer.Export(ctx, from, cmd.Dir, cmd.Overwrite, o)
	})
}
