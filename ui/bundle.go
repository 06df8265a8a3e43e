package ui

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/evanw/esbuild/pkg/api"
)

// bundle returns a script or a style sheet, with everything that it imports, as one
// minified file. Without the bundle, the browser would request sixty modules, and over
// HTTP/1.1 at most six at a time. The bundle is also smaller after compression than separate
// modules. constants has JavaScript values by name: bundle puts each value in the place of its
// name. If esbuild reports an error or a warning, bundle returns an error.
//
// A second pass minifies the bundle as one file. It joins the declarations of all modules, and
// gives the shortest names to the variables that are used most. This saves 0.7 % after
// compression.
func bundle(files fs.FS, entry string, constants map[string]string) ([]byte, error) {
	source := api.Plugin{Name: "files", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			// The importer of the entry is empty, so the entry is relative to the root.
			return api.OnResolveResult{Path: path.Join(path.Dir(a.Importer), a.Path), Namespace: "files"}, nil
		})
		build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "files"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			content, err := fs.ReadFile(files, a.Path)
			text := string(content)
			return api.OnLoadResult{Contents: &text, Loader: loaderOf(a.Path)}, err
		})
	}}
	result := api.Build(api.BuildOptions{
		EntryPoints:  []string{entry},
		Plugins:      []api.Plugin{source},
		Bundle:       true,
		Define:       constants,
		Charset:      api.CharsetUTF8,
		Format:       api.FormatESModule,
		Target:       api.ESNext,
		MinifySyntax: true,
	})
	if err := joined(result.Errors, result.Warnings); err != nil {
		return nil, err
	}
	minified := api.Transform(string(result.OutputFiles[0].Contents), api.TransformOptions{
		Loader:            loaderOf(entry),
		Charset:           api.CharsetUTF8,
		Format:            api.FormatESModule,
		Target:            api.ESNext,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
	})
	return minified.Code, joined(minified.Errors, minified.Warnings)
}

// loaderOf returns how esbuild reads a file: as a style sheet or as a script.
func loaderOf(name string) api.Loader {
	if path.Ext(name) == ".css" {
		return api.LoaderCSS
	}
	return api.LoaderJS
}

// joined returns the messages as one error, or nil if there are none.
func joined(lists ...[]api.Message) (err error) {
	for _, message := range slices.Concat(lists...) {
		err = errors.Join(err, errors.New(message.Text))
	}
	return err
}
