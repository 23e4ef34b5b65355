package container

// Defaults that no image may change. NewConfig sets them, so that a zero given by a person stays a zero.
const (
	DefaultUmask       = 0o022
	DefaultShmSize     = 64 << 20 // bytes
	DefaultStopTimeout = 10       // seconds
	DefaultStopSignal  = "SIGTERM"
	// DefaultPidsLimit is applied by oci.Spec where the pids controller is there and nothing was asked for.
	DefaultPidsLimit = 2048
)

// NewConfig gives the configuration of a container about which nobody has chosen anything. What an image has a say
// in (command, environment, directory, user, signal) is left open until ApplyImage.
func NewConfig() *Config {
	return &Config{
		Process:   Process{Umask: DefaultUmask},
		Root:      Root{ReadOnlyTmpfs: true},
		Resources: Resources{ShmSize: DefaultShmSize},
		Log:       Log{Driver: LogK8sFile},
		Restart:   Restart{Policy: RestartNo},
		Stop:      Stop{Timeout: DefaultStopTimeout},
	}
}
