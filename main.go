// Imageserver is an image server: it stores images that clients upload over HTTP, and serves
// them by name. It needs one executable and one data file.
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"imageserver/api"
	"imageserver/api/imaging/format"
	"imageserver/api/imaging/worker"
	"imageserver/api/intake"
	"imageserver/api/licenses"
	"imageserver/api/listen"
	"imageserver/api/printable"
	"imageserver/api/progress"
	"imageserver/api/settings"
	"imageserver/api/transfer"
	"imageserver/api/transport"
	"imageserver/api/units"
	"imageserver/db"
	"imageserver/db/bolt"
	"imageserver/db/bolt/offline"
	"imageserver/db/open"
	"imageserver/ui"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends ctx. After it the process no longer catches signals, so a
	// second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	// Let Go run two threads per core, and one more thread. api/variants makes one picture
	// per core, on threads that have low priority on Linux. So requests always have one
	// thread per core, and the kernel runs the threads of requests first. The additional
	// thread makes small pictures. After this call Go no longer follows changes of the
	// processor limit of the cgroup.
	runtime.GOMAXPROCS(2*runtime.GOMAXPROCS(0) + 1)
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command runs one command until the command ends or ctx ends, and returns the exit
// code.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var commands struct {
		Serve   serve   `cmd:"" default:"withargs" help:"Serve images over HTTP. This is the default command."`
		Import  imports `cmd:"" help:"Store the images in folders and files."`
		Export  exports `cmd:"" help:"Write all images into a folder."`
		Migrate migrate `cmd:"" help:"Copy all images to another store, such as from a data file to a database."`
		Check   check   `cmd:"" help:"Read the whole data file and report damage."`
		Compact compact `cmd:"" help:"Shrink the data file to the size of its images."`
		Help    manual  `cmd:"" help:"Print a page of the manual."`
		Version version `cmd:"" help:"Print the version, the commit and the formats of the data file."`
		Decode  decode  `cmd:"" hidden:""`
	}
	// The log, errors and lists contain names that clients chose.
	stdout, stderr = printable.Writer{W: stdout}, printable.Writer{W: stderr}
	exit := -1
	parser := kong.Must(&commands,
		kong.Name("imageserver"),
		kong.Description("An image server: upload with POST /upload, retrieve with GET /images/NAME."),
		kong.DefaultEnvars("IMAGESERVER"),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }), // --help
		kong.Vars{
			"types":         fmt.Sprint(format.Types()),
			"max_upload":    units.Size(api.DefaultMaxUpload).String(),
			"upload_memory": units.Size(open.DefaultUploadMemory).String(),
			"resize_memory": units.Size(api.DefaultResizeMemory).String(),
			"max_pixels":    strconv.Itoa(api.DefaultMaxPixels),
		},
	)
	if slices.ContainsFunc(args, showsPassword) {
		fmt.Fprintln(stderr, "imageserver: other users of this machine can read a password on the command line; put the URL in the environment variable IMAGESERVER_DB, or the password in PGPASSWORD or ~/.pgpass")
		return exitUsage
	}
	line, err := parser.Parse(args)
	switch {
	case exit >= 0:
		return exit
	case err != nil:
		fmt.Fprintf(stderr, "imageserver: %v; see %s --help\n", err, meant(err, args))
		return exitUsage
	}
	line.BindTo(ctx, (*context.Context)(nil))
	err = line.Run(&terminal{stdout, stderr})
	var wrong units.UsageError
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "imageserver: %v\n", err)
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "imageserver: interrupted; run the command again to finish")
		return exitFailed
	case err != nil:
		fmt.Fprintf(stderr, "imageserver: %v\n", err)
		return exitFailed
	}
	return 0
}

// showsPassword reports whether an argument is a URL with the password of a database.
func showsPassword(arg string) bool {
	return open.HasPassword(arg[strings.Index(arg, "=postgres")+1:])
}

// meant returns the command whose --help the user should read after a wrong command line.
func meant(err error, args []string) string {
	name := "serve"
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context.Selected() != nil {
		name = wrong.Context.Selected().Name
	}
	if len(args) > 0 && args[0] != name && !strings.HasPrefix(args[0], "-") {
		return "imageserver" // its first word is not a command
	}
	return "imageserver " + name
}

// terminal is where a command writes.
type terminal struct{ stdout, stderr io.Writer }

// fatal returns a function that ends the process when the store cannot continue. A
// supervisor such as systemd then starts the server again.
func (t *terminal) fatal(path string) func(error) {
	return func(err error) {
		fmt.Fprintf(t.stderr, "imageserver: data file %s: %v\n", path, err)
		os.Exit(exitFailed)
	}
}

// open opens a store for a command that is not the server.
func (t *terminal) open(ctx context.Context, name string) (open.Copyable, error) {
	return open.Store(ctx, name, open.Options{Fatal: t.fatal(name), Log: t.log()})
}

func (t *terminal) log() *slog.Logger { return slog.New(slog.NewTextHandler(t.stderr, nil)) }

// watch shows the progress of work on the data file, and the problems that are found.
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

//go:embed README.md api/README.md api/listen/README.md api/listen/systemd db/bolt/README.md db/pg/README.md
var docs embed.FS

// topics are the pages of the manual. Each page has the name that "imageserver help"
// accepts. The program contains the same files as the repository.
var topics = []struct {
	name  string
	files []string
}{
	{"start", []string{"README.md"}},
	{"api", []string{"api/README.md"}},
	{"deploy", []string{"api/listen/README.md"}},
	{"systemd", []string{"api/listen/systemd/imageserver.socket", "api/listen/systemd/imageserver.service"}},
	{"datafile", []string{"db/bolt/README.md"}},
	{"database", []string{"db/pg/README.md"}},
}

// manual is the command help.
type manual struct {
	Topic string `arg:"" optional:"" default:"start" help:"The page: start, api, deploy, systemd, datafile or database."`
}

func (cmd *manual) Run(t *terminal) error {
	var names []string
	for _, topic := range topics {
		if topic.name == cmd.Topic {
			return t.print(topic.files)
		}
		names = append(names, topic.name)
	}
	return units.UsageError{Err: fmt.Errorf("the manual has no page %q. Its pages are %s. To see the flags of a command, use --help, such as: imageserver serve --help",
		cmd.Topic, strings.Join(names, ", "))}
}

// print writes files of docs. If there are several, it writes the name of each file
// before the file.
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

// decode is the command with which the server starts a process that decodes pictures. It
// uses the streams of the process, because they carry pictures.
type decode struct {
	Type  format.Type `arg:""`
	Cache string      `arg:"" optional:""`
}

func (cmd *decode) Run(ctx context.Context) error {
	return worker.Run(ctx, cmd.Type, cmd.Cache, os.Stdin, os.Stdout)
}

type version struct {
	Licenses bool `help:"Print the licences of the software that the program contains."`
}

// Run prints the version, the formats of the data file, and the commit and its date if
// Go recorded them.
func (cmd version) Run(t *terminal) error {
	if cmd.Licenses {
		return licenses.Write(t.stdout)
	}
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
	_, err := fmt.Fprintf(t.stdout, "imageserver %s\nreads data files of format 1 to %d, writes format %[2]d\n", v, bolt.Format())
	return err
}

// check is the command check.
type check struct {
	DB      string `name:"db" default:"images.db" help:"The data file, or the URL of a database."`
	Repair  bool   `help:"Repair what can be repaired in a data file."`
	Quick   bool   `help:"With a database: only ask the bucket whether the bytes of each image exist."`
	Unknown bool   `help:"With a database: also list the objects in the bucket that belong to nothing."`
}

// Help is shown by --help.
func (*check) Help() string {
	return `Example:

    imageserver check --db images.db

Stop the server first. The command reads every page, verifies every checksum and the SHA-256 of every image, and changes nothing. The exit code is 0 if nothing is damaged, 1 if something is damaged, and 2 if the command line is wrong.

With --repair the command rebuilds indexes, totals and lost records, and deletes bytes that belong to no image. It never changes an image that is not damaged. A damaged image stays in the file; upload the same bytes again to repair the image.

With the URL of a database, the servers can run meanwhile. The command compares the counters with the images, and reads all bytes from the bucket. An image that is damaged is repaired by uploading the same bytes again.

If pages of the file are damaged, --repair writes everything that it can read to a new file, and keeps the damaged file. The disk must have space for both files. You can interrupt the command at any moment and run it again.`
}

func (cmd *check) Run(ctx context.Context, t *terminal) error {
	if open.IsURL(cmd.DB) {
		return cmd.runDatabase(ctx, t)
	}
	if cmd.Quick || cmd.Unknown {
		return units.UsageError{Err: errors.New("--quick and --unknown need the URL of a database")}
	}
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
		fmt.Fprintf(t.stdout, "the damaged file is now %s; delete it after you have checked the repaired file\n", done.Kept)
	}
	if done.After != done.Before && done.After.Problems == 0 {
		fmt.Fprintf(t.stdout, "%s has been repaired\n", cmd.DB)
	}
	return t.verdict(cmd.DB, done.After, "these problems could not be repaired")
}

// runDatabase checks a store in a database.
func (cmd *check) runDatabase(ctx context.Context, t *terminal) error {
	if cmd.Repair {
		return units.UsageError{Err: open.FileOnly(cmd.DB, "check --repair", "upload the same bytes again to repair an image")}
	}
	store, err := t.open(ctx, cmd.DB)
	if err != nil {
		return err
	}
	defer store.Close()
	checker, ok := store.(db.Checker)
	if !ok {
		return fmt.Errorf("%s cannot be checked", open.Title(cmd.DB))
	}
	var shown *progress.Display
	problems, err := checker.Check(ctx, db.CheckOptions{
		Quick:   cmd.Quick,
		Unknown: cmd.Unknown,
		Begin:   func(bytes int64) { shown = progress.NewBytes(t.stderr, "Checking", bytes) },
		Read:    func(bytes int64) { shown.Add(bytes) },
		Found:   func(problem string) { shown.Printf(t.stdout, "%s", problem) },
	})
	if shown != nil {
		shown.Close()
	}
	if err != nil {
		return err
	}
	if problems > 0 {
		return fmt.Errorf("%s: %s", open.Title(cmd.DB), progress.Count(problems, "problem", ""))
	}
	u, err := store.Usage(ctx)
	if err == nil {
		_, err = fmt.Fprintf(t.stdout, "%s is sound: %s of %s, %s in the trash, %s\n", open.Title(cmd.DB), progress.Count(u.Images, "image", ""),
			progress.Bytes(u.Bytes), humanize.Comma(u.Trash), progress.Count(u.Variants, "resized copy", "resized copies"))
	}
	return err
}

// verdict prints the result of a check. If the report has problems, verdict returns an
// error with their number. The error ends with advice.
func (t *terminal) verdict(path string, r *offline.Report, advice string) error {
	count := progress.Count
	if r.Problems > 0 {
		return fmt.Errorf("%s: %s; %s damaged, of %s; %s", path, count(int64(r.Problems), "problem", ""),
			count(int64(r.Damaged), "image is", "images are"), humanize.Comma(max(r.Images+r.Trash, int64(r.Damaged))), advice)
	}
	_, err := fmt.Fprintf(t.stdout, "%s is sound: %s of %s, %s in the trash, %s\n", path, count(r.Images, "image", ""),
		progress.Bytes(r.Bytes), humanize.Comma(r.Trash), count(r.Variants, "resized copy", "resized copies"))
	return err
}

// compact is the command compact.
type compact struct {
	DB string `name:"db" default:"images.db" help:"The data file."`
}

// Help is shown by --help.
func (*compact) Help() string {
	return `Example:

    imageserver compact --db images.db

The server stores new images in the space of deleted images, but only this command makes the data file smaller. It writes a smaller file beside the data file, compares the two files, and replaces the data file. Stop the server first. The disk must have space for both files. You can interrupt the command at any moment. The data file is then unchanged, and the next run deletes the unfinished file.`
}

func (cmd *compact) Run(ctx context.Context, t *terminal) error {
	if err := open.FileOnly(cmd.DB, "compact", "PostgreSQL and the bucket give space back by themselves"); err != nil {
		return units.UsageError{Err: err}
	}
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

// serve is the command serve.
type serve struct {
	settings.Server `embed:""`
}

// Help is the text of serve --help below its first line.
func (*serve) Help() string {
	return `Example:

    imageserver serve --db images.db

The server prints the address of its page and runs until it receives SIGINT or SIGTERM. Then it waits up to 30 seconds for requests in progress. A second signal ends the server at once.`
}

// Run builds the server and runs it until ctx ends.
func (cmd *serve) Run(ctx context.Context, t *terminal) error {
	if err := cmd.Check(); err != nil {
		return err
	}
	defer runtime.KeepAlive(cmd.LimitMemory())
	log, flush := cmd.Logger(t.stderr)
	defer flush()
	listener, err := cmd.Listen()
	if err != nil {
		return err
	}
	defer listener.Close()
	if len(cmd.TLS.Hosts) > 0 {
		if err := open.FileOnly(cmd.DB, "--autocert", "several servers cannot share its certificates: let the load balancer do TLS"); err != nil {
			return units.UsageError{Err: err}
		}
	}
	acme := cmd.TLS.ACME(cmd.DB+".certs", log) // the certificates are stored beside the data file
	https, err := cmd.TLS.Config(acme, log)
	if err != nil {
		return err
	}
	metrics := api.NewMetrics()
	store, err := open.Store(ctx, cmd.DB, open.Options{
		UploadMemory: int64(cmd.UploadMemory),
		MaxSize:      int64(cmd.MaxDBSize),
		Committed:    metrics.Commit,
		Settings:     cmd.Common(),
		Fatal:        func(err error) { flush(); t.fatal(cmd.DB)(err) },
		Log:          log,
	})
	if err != nil {
		return err
	}
	handler := api.New(store, ui.Handler(), cmd.API(listener, metrics, log))
	if cmd.CopiesBudget != 0 {
		go trim(ctx, store, max(0, int64(cmd.CopiesBudget)), log)
	}
	go acme.Fetch(https)
	status := fmt.Sprintf("Images at %s in %s", cmd.Origin(listener.Addr()), open.Title(cmd.DB))
	fmt.Fprintln(t.stdout, status)
	listen.Ready(status, log)
	go listen.Watch(ctx, func(ctx context.Context) error { return open.Alive(ctx, store) }, log)
	err = listen.Serve(ctx, &http.Server{
		Handler:     handler,
		ConnContext: transport.ConnContext,
		TLSConfig:   https,
		HTTP2:       handler.HTTP2(),
	}, transport.Listener(listener), handler.Drain, log)
	return errors.Join(err, store.Close())
}

// trim deletes resized copies until the others fit into the budget. The budget may have
// been larger when the server ran last.
func trim(ctx context.Context, store db.Variants, budget int64, log *slog.Logger) {
	err := store.TrimVariants(ctx, budget)
	if err != nil && ctx.Err() == nil {
		log.Warn("could not trim resized copies to --copies-budget", "err", err)
	}
}

// existing returns an error if no data file exists at path. A database need not exist:
// opening it reports more.
func existing(path string) error {
	if path == "" {
		return settings.ErrNoPath
	}
	if open.IsURL(path) {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the data file %s does not exist; give its path with --db", path)
	}
	return nil
}

// source is the store that import or export works on: a data file or a server.
type source struct {
	DB     string   `name:"db" default:"images.db" help:"The data file, or the URL of a database. Stop the server that uses the file, or use --server."`
	Server *url.URL `help:"Use the running server at this address instead of the data file, such as http://127.0.0.1:5000."`
	Token  string   `help:"The access token of that server."`
}

// use calls do with the images of the server or of the store. If the data file does
// not exist, use creates it only if mayCreate is set.
func (p *source) use(ctx context.Context, t *terminal, rules intake.Rules, mayCreate bool, do func(transfer.Images, transfer.Output) error) error {
	o := transfer.Output{Out: t.stdout, Progress: t.stderr}
	if p.Server != nil {
		if !settings.WebAddress(p.Server) {
			return units.UsageError{Err: fmt.Errorf("--server=%s is not a URL such as http://127.0.0.1:5000", p.Server)}
		}
		images := transfer.Server(p.Server, p.Token)
		defer images.Close()
		return do(images, o)
	}
	if err := existing(p.DB); err != nil && (errors.Is(err, settings.ErrNoPath) || !mayCreate) {
		return err
	}
	store, err := t.open(ctx, p.DB)
	if errors.Is(err, open.ErrInUse) {
		return fmt.Errorf("data file %s: another process is using it. If the process is a server, give its address, such as --server=http://127.0.0.1:5000", p.DB)
	}
	if err != nil {
		return err
	}
	return errors.Join(do(transfer.Store(store, rules), o), store.Close())
}

// imports is the command import.
type imports struct {
	source
	MaxUpload units.Size    `default:"${max_upload}" help:"The largest image to store in the data file. A server has its own limit."`
	Strip     bool          `help:"Remove metadata from images that are stored in the data file, as serve --strip does."`
	Allow     []format.Type `help:"The types of images to store in the data file. By default, these are all types: ${types}."`
	Paths     []string      `arg:"" name:"path" help:"Folders and files."`
}

// Help is the text of import --help below its first line.
func (*imports) Help() string {
	return `Example:

    imageserver import ~/Pictures

Images keep their names. The name of an image in a subfolder begins with the folder's name and "_", such as 2024_cat.jpg. The upload time of an image is the time when its file was last changed. The command never replaces an image and skips images that are already stored, so you can run it again at any time. It skips hidden files and symbolic links, and lists files that are not images.`
}

func (cmd *imports) Run(ctx context.Context, t *terminal) error {
	if cmd.MaxUpload <= 0 {
		return units.UsageError{Err: errors.New("--max-upload must be more than 0, such as 64MiB")}
	}
	rules := intake.Rules{MaxSize: int64(cmd.MaxUpload), Allow: cmd.Allow, Strip: cmd.Strip}
	return cmd.use(ctx, t, rules, true, func(to transfer.Images, o transfer.Output) error {
		return transfer.Import(ctx, to, cmd.Paths, o)
	})
}

// exports is the command export.
type exports struct {
	source
	Overwrite bool   `help:"Replace files that differ from the image of the same name."`
	Dir       string `arg:"" help:"The folder to write to. It is created if it does not exist."`
}

// Help is the text of export --help below its first line.
func (*exports) Help() string {
	return `Example:

    imageserver export ~/Backup

Each file has the name of its image, and its modification time is the upload time. The command checks each image against its SHA-256 while it writes the file. It does not change existing files, so you can run it again at any time. If Windows does not allow the name of an image, or if two names differ only in upper and lower case, the command changes the name of the file and lists it.`
}

func (cmd *exports) Run(ctx context.Context, t *terminal) error {
	if cmd.Dir == "" { // for example "$DIR" in a shell script in which DIR is not set
		return units.UsageError{Err: errors.New("the folder to write to is empty")}
	}
	return cmd.use(ctx, t, intake.Rules{}, false, func(from transfer.Images, o transfer.Output) error {
		return transfer.Export(ctx, from, cmd.Dir, cmd.Overwrite, o)
	})
}

// migrate is the command migrate.
type migrate struct {
	From string `arg:"" help:"The store to read: a data file, or the URL of a database."`
	To   string `arg:"" help:"The store to write: a data file, or the URL of a database. It is created if it does not exist."`
}

// Help is the text of migrate --help below its first line.
func (*migrate) Help() string {
	return `Example:

    imageserver migrate images.db 'postgres://images@db.internal/images?bucket=pictures'

All images keep their names, times and delete keys. The trash is copied, too, but resized copies are not: they are made again. The command only reads the first store, and skips images that are already there, so you can interrupt it and run it again. To move without a long pause, run it once while the server of a database works, stop the server, and run it again. At the end the command compares both stores. The exit code is 1 if they differ.`
}

func (cmd *migrate) Run(ctx context.Context, t *terminal) error {
	if cmd.From == cmd.To {
		return units.UsageError{Err: errors.New("the two stores are the same")}
	}
	if err := existing(cmd.From); err != nil {
		return err
	}
	from, err := open.Store(ctx, cmd.From, open.Options{ReadOnly: true, Fatal: t.fatal(cmd.From), Log: t.log()})
	if err != nil {
		return err
	}
	to, err := t.open(ctx, cmd.To)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	err = transfer.Migrate(ctx, from, to, transfer.Output{Out: t.stdout, Progress: t.stderr})
	return errors.Join(err, to.Close(), from.Close())
}
