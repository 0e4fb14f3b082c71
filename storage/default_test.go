package storage

import (
	"fmt"
	"strings"
	"testing"
)

// restoreDefault lets a test register engines; it must not run beside other tests of the registry.
func restoreDefault(t *testing.T) {
	engine, build := registered.engine, registered.build
	registered.engine, registered.build = "", nil
	t.Cleanup(func() { registered.engine, registered.build = engine, build })
}

func TestDefaultIsMemoryAndSaysHowToChangeIt(t *testing.T) {
	restoreDefault(t)
	engine, durable, notice := DefaultEngine()
	if engine != "memory" || durable || !strings.Contains(notice, ImportDisk) {
		t.Errorf("DefaultEngine() = %q, %v, %q", engine, durable, notice)
	}
	st, err := DefaultBuilder("/nowhere")("topic", 1)
	if _, ok := st.(*memory); !ok || err != nil {
		t.Errorf("the default storage is a %T, %v", st, err)
	}
}

func TestRegisteredEngineIsTheDefault(t *testing.T) {
	restoreDefault(t)
	early := DefaultBuilder("/some/path")
	var built []string
	RegisterDefault("fake", func(path string) Builder {
		return func(topic string, partition int32) (Storage, error) {
			built = append(built, fmt.Sprint(path, " ", topic, " ", partition))
			return NewNull(), nil
		}
	})
	if engine, durable, notice := DefaultEngine(); engine != "fake" || !durable || notice != "" {
		t.Errorf("DefaultEngine() = %q, %v, %q", engine, durable, notice)
	}
	for range 2 {
		if _, err := early("topic", 3); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := fmt.Sprint(built), "[/some/path topic 3 /some/path topic 3]"; got != want {
		t.Errorf("built %s, want %s", got, want)
	}
}

func TestTwoDefaultEnginesPanic(t *testing.T) {
	restoreDefault(t)
	register := func(name string) { RegisterDefault(name, func(string) Builder { return MemoryBuilder() }) }
	register("first")
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, `"first"`) || !strings.Contains(got, `"second"`) {
			t.Errorf("panic %q does not name both engines", got)
		}
	}()
	register("second")
}
