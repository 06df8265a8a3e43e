package ui

import (
	"errors"
	"io/fs"
	"path"

	"github.com/evanw/esbuild/pkg/api"
)

// bundle returns a script or a style sheet, with everything that it imports, as one
// minified file. Without the bundle, the browser would need six round trips for the
// modules, because over HTTP/1.1 it requests at most six files at a time. The bundle
// is also smaller after compression than separate modules. The JavaScript values in
// constants take the place of their names.
func bundle(files fs.FS, entry string, constants map[string]string) ([]byte, error) {
	source := api.Plugin{Name: "files", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			// The importer of the entry is empty, so the entry is relative to the root.
			return api.OnResolveResult{Path: path.Join(path.Dir(a.Importer), a.Path), Namespace: "files"}, nil
		})
		build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "files"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			content, err := fs.ReadFile(files, a.Path)
			text, loader := string(content), api.LoaderJS
			if path.Ext(a.Path) == ".css" {
				loader = api.LoaderCSS
			}
			return api.OnLoadResult{Contents: &text, Loader: loader}, err
		})
	}}
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{entry},
		Plugins:           []api.Plugin{source},
		Bundle:            true,
		Define:            constants,
		Charset:           api.CharsetUTF8,
		Format:            api.FormatESModule,
		Target:            api.ESNext,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
	})
	var err error
	for _, message := range append(result.Errors, result.Warnings...) {
		err = errors.Join(err, errors.New(message.Text))
	}
	if err != nil {
		return nil, err
	}
	return result.OutputFiles[0].Contents, nil
}
