package codec

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"imageserver/api/imaging/format"
)

// memory is the memory of an instance. It reserves all addresses at once, and the system
// provides a page when it is first used. So nothing is copied when the memory grows.
type memory struct {
	bytes   []byte
	refused bool // whether the instance asked for more memory than the limit
}

// Reallocate implements experimental.LinearMemory.
func (m *memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.bytes)) {
		m.refused = true
		return nil
	}
	return m.bytes[:size:size]
}

// Free implements experimental.LinearMemory.
func (m *memory) Free() {
	if m.bytes != nil {
		unreserve(m.bytes)
	}
	m.bytes = nil
}

// page is the unit of WebAssembly memory, in bytes.
const page = 64 << 10

// start makes an instance with at most `limit` bytes of memory.
func (m machine) start(ctx context.Context, limit int64) (*instance, error) {
	const most = 1 << 32
	limit = (min(limit, most) + page - 1) / page * page
	b, err := reserve(int(limit))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMemory, err)
	}
	i := &instance{ctx: ctx, memory: &memory{bytes: b}}
	allocate := experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory { return i.memory })
	module, err := m.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, allocate), m.module,
		wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		i.memory.Free()
		return nil, fmt.Errorf("start the module: %w", err)
	}
	i.module = module
	return i, nil
}

func (i *instance) close() { _ = i.module.Close(i.ctx) }

// call calls a function of the module. If the code stops with a trap, call returns ErrDamaged.
func (i *instance) call(name string, args ...uint64) (uint64, error) {
	results, err := i.module.ExportedFunction(name).Call(i.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

// allocate returns n bytes of the memory of the module.
func (i *instance) allocate(n int) (uint64, error) {
	p, err := i.call("malloc", uint64(n))
	if err == nil && p == 0 {
		err = ErrMemory
	}
	return p, err
}

// put copies bytes into new memory of the module, and returns their address.
func (i *instance) put(b []byte) (uint64, error) {
	p, err := i.allocate(len(b))
	if err == nil && !i.module.Memory().Write(uint32(p), b) {
		err = fmt.Errorf("%w: the module returned an address that it does not have", ErrDamaged)
	}
	return p, err
}

// numbers reads n numbers of 32 bits from address p.
func (i *instance) numbers(p uint64, n int) ([]int, error) {
	all := make([]int, n)
	for k := range all {
		v, ok := i.module.Memory().ReadUint32Le(uint32(p) + uint32(4*k))
		if !ok {
			return nil, ErrDamaged
		}
		all[k] = int(v)
	}
	return all, nil
}

// view returns the n bytes from address p, without copying them. They are valid until the
// memory grows.
func (i *instance) view(p uint64, n int) ([]byte, error) {
	b, ok := i.module.Memory().Read(uint32(p), uint32(n))
	if !ok {
		return nil, fmt.Errorf("%w: the module returned a picture that it does not have", ErrDamaged)
	}
	return b, nil
}

// sized returns an error if a picture has more pixels than its header says, because the limit
// of the memory was computed from the header.
func sized(w, h int, header format.HEIF) error {
	if int64(w)*int64(h) > int64(header.Width)*int64(header.Height) {
		return fmt.Errorf("%w: it has %d × %d pixels, but its header says %d × %d", ErrDamaged, w, h, header.Width, header.Height)
	}
	return nil
}
